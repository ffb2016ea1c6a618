/** A seed of 32 random bits, decimal. */
export function drawSeed(): string {
  const [number = 0] = crypto.getRandomValues(new Uint32Array(1))
  return String(number)
}
