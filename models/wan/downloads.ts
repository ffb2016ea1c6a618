/** Files of Wan on the Hugging Face hub, as their repositories listed them. */
import type { Download, DownloadPart, StoredFormat } from '../../src/pipeline/family.ts'

const comfy21 = 'Comfy-Org/Wan_2.1_ComfyUI_repackaged/split_files'
const comfy22 = 'Comfy-Org/Wan_2.2_ComfyUI_Repackaged/split_files'

const encoder: DownloadPart = {
  id: `${comfy21}/text_encoders/umt5_xxl_fp8_e4m3fn_scaled.safetensors`,
  format: 'fp8',
}
const vae21: DownloadPart = { id: `${comfy21}/vae/wan_2.1_vae.safetensors`, format: 'bf16' }
const vae22: DownloadPart = { id: `${comfy22}/vae/wan2.2_vae.safetensors`, format: 'f16' }
const vision: DownloadPart = { id: `${comfy21}/clip_vision/clip_vision_h.safetensors`, format: 'f16' }

/** Single files: one network, or the experts of high and of low noise. */
function files(
  model: string,
  title: string,
  networks: readonly string[],
  format: StoredFormat,
  others: Download['parts'] = { text_encoder: encoder, vae: vae21 },
): Download {
  const names = ['transformer', 'transformer_2']
  const parts = networks.map((id, index) => [names[index]!, { id, format }] as const)
  return { model, title, parts: { ...Object.fromEntries(parts), ...others } }
}

/** A repository in the diffusers layout. */
function folder(model: string, title: string, id: string): Download {
  return { model, title, parts: { '': { id } } }
}

const network21 = (name: string) => `${comfy21}/diffusion_models/${name}.safetensors`
const network22 = (name: string) => `${comfy22}/diffusion_models/${name}.safetensors`
const withPicture = { text_encoder: encoder, vae: vae21, image_encoder: vision }
const of22 = { text_encoder: encoder, vae: vae22 }

export const wanDownloads: readonly Download[] = [
  folder('wan-t2v-1.3b', 'Wan 2.1 T2V 1.3B', 'Wan-AI/Wan2.1-T2V-1.3B-Diffusers'),
  files('wan-t2v-1.3b', 'Wan 2.1 T2V 1.3B', [network21('wan2.1_t2v_1.3B_fp16')], 'f16'),
  folder('wan-t2v-14b', 'Wan 2.1 T2V 14B', 'Wan-AI/Wan2.1-T2V-14B-Diffusers'),
  files('wan-t2v-14b', 'Wan 2.1 T2V 14B', [network21('wan2.1_t2v_14B_fp16')], 'f16'),
  files('wan-t2v-14b', 'Wan 2.1 T2V 14B', [network21('wan2.1_t2v_14B_fp8_scaled')], 'fp8'),
  files('wan-t2v-14b', 'Wan 2.1 T2V 14B', ['city96/Wan2.1-T2V-14B-gguf/wan2.1-t2v-14b-Q8_0.gguf'], 'Q8_0'),
  files(
    'wan-t2v-14b',
    'Wan 2.1 T2V 14B',
    ['city96/Wan2.1-T2V-14B-gguf/wan2.1-t2v-14b-Q4_K_M.gguf'],
    'Q4_K_M',
  ),
  files(
    'wan-i2v-14b-480p',
    'Wan 2.1 I2V 14B 480p',
    [network21('wan2.1_i2v_480p_14B_fp8_scaled')],
    'fp8',
    withPicture,
  ),
  files(
    'wan-i2v-14b-480p',
    'Wan 2.1 I2V 14B 480p',
    ['city96/Wan2.1-I2V-14B-480P-gguf/wan2.1-i2v-14b-480p-Q4_K_M.gguf'],
    'Q4_K_M',
    withPicture,
  ),
  files('wan-vace-1.3b', 'Wan 2.1 VACE 1.3B', [network21('wan2.1_vace_1.3B_fp16')], 'f16'),
  files('wan-vace-14b', 'Wan 2.1 VACE 14B', [network21('wan2.1_vace_14B_fp16')], 'f16'),
  folder('wan2.2-t2v-a14b', 'Wan 2.2 T2V A14B', 'Wan-AI/Wan2.2-T2V-A14B-Diffusers'),
  files(
    'wan2.2-t2v-a14b',
    'Wan 2.2 T2V A14B',
    [network22('wan2.2_t2v_high_noise_14B_fp8_scaled'), network22('wan2.2_t2v_low_noise_14B_fp8_scaled')],
    'fp8',
  ),
  files(
    'wan2.2-i2v-14b-720p',
    'Wan 2.2 I2V A14B',
    [network22('wan2.2_i2v_high_noise_14B_fp8_scaled'), network22('wan2.2_i2v_low_noise_14B_fp8_scaled')],
    'fp8',
  ),
  folder('wan2.2-ti2v-5b', 'Wan 2.2 TI2V 5B', 'Wan-AI/Wan2.2-TI2V-5B-Diffusers'),
  files('wan2.2-ti2v-5b', 'Wan 2.2 TI2V 5B', [network22('wan2.2_ti2v_5B_fp16')], 'f16', of22),
  files(
    'wan2.2-ti2v-5b',
    'Wan 2.2 TI2V 5B',
    ['QuantStack/Wan2.2-TI2V-5B-GGUF/Wan2.2-TI2V-5B-Q4_K_M.gguf'],
    'Q4_K_M',
    of22,
  ),
]
