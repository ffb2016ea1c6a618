/** Width of a transformer's tokens: its heads side by side. */
export function modelWidth(config: {
  readonly num_attention_heads: number
  readonly attention_head_dim: number
}): number {
  return config.num_attention_heads * config.attention_head_dim
}
