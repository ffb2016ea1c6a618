/** How checkpoints of several parts name the denoising network's tensors. */
export const networkPrefix = 'model.diffusion_model.'

/** The name of a layer as it is without the prefix, which some writers leave out of markers. */
export function withoutPrefix(name: string): string {
  return name.startsWith(networkPrefix) ? name.slice(networkPrefix.length) : name
}

export function isFloat8Marker(key: string): boolean {
  return /(?:^|\.)scaled_fp8$/.test(key)
}
