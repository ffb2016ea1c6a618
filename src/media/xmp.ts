/**
 * The least of XMP (ISO 16684-1): one `dc:description`, which viewers show and PNG and WebP can both carry.
 * The packet is read back with a pattern, so a file whose packet another program rewrote still gives its text.
 */

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }
const characters: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** An XMP packet with a text as its description. */
export function textToXmp(text: string): string {
  const escaped = text.replace(/[&<>]/g, character => entities[character]!)
  return (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>' +
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' +
    '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:description><rdf:Alt>' +
    `<rdf:li xml:lang="x-default">${escaped}</rdf:li>` +
    '</rdf:Alt></dc:description></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
  )
}

/** The description in an XMP packet, or undefined when it has none. */
export function textFromXmp(packet: string): string | undefined {
  const description = /<dc:description>.*?<rdf:li[^>]*>(.*?)<\/rdf:li>/s.exec(packet)?.[1]
  return description?.replace(/&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi, (whole, decimal, hex, name: string) => {
    if (decimal || hex) return String.fromCodePoint(decimal ? Number(decimal) : Number.parseInt(hex, 16))
    return characters[name] ?? whole
  })
}
