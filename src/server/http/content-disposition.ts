/** How a client is to take a file, with the name that it is saved under (RFC 6266): in ASCII, and as it is. */
export function contentDisposition(how: 'inline' | 'attachment', name: string): string {
  const ascii = name.replaceAll(/[^\w.-]/g, '_')
  const plain = `${how}; filename="${ascii}"`
  return ascii === name ? plain : `${plain}; filename*=UTF-8''${encodeURIComponent(name)}`
}
