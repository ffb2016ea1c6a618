/** Files of HunyuanVideo 1.5 on the Hugging Face hub: diffusers' folders, and ComfyUI's files. */
import type { Download } from '../../src/pipeline/family.ts'

const repackaged = 'Comfy-Org/HunyuanVideo_1.5_repackaged/split_files'

function folder(model: string, title: string, name: string): Download {
  return {
    model,
    title,
    parts: { '': { id: `hunyuanvideo-community/HunyuanVideo-1.5-Diffusers-${name}` } },
  }
}

function files(model: string, title: string, network: string, others: Download['parts'] = {}): Download {
  return {
    model,
    title,
    parts: {
      transformer: { id: `${repackaged}/diffusion_models/${network}.safetensors`, format: 'f16' },
      text_encoder: {
        id: `${repackaged}/text_encoders/qwen_2.5_vl_7b_fp8_scaled.safetensors`,
        format: 'fp8',
      },
      text_encoder_2: {
        id: `${repackaged}/text_encoders/byt5_small_glyphxl_fp16.safetensors`,
        format: 'f16',
      },
      vae: { id: `${repackaged}/vae/hunyuanvideo15_vae_fp16.safetensors`, format: 'f16' },
      ...others,
    },
  }
}

export const hunyuanDownloads: readonly Download[] = [
  folder('hunyuan15-480p', 'HunyuanVideo 1.5 T2V 480p', '480p_t2v'),
  folder('hunyuan15-480p-i2v', 'HunyuanVideo 1.5 I2V 480p', '480p_i2v'),
  files('hunyuan15-720p', 'HunyuanVideo 1.5 T2V 720p', 'hunyuanvideo1.5_720p_t2v_fp16'),
  files('hunyuan15-720p-i2v', 'HunyuanVideo 1.5 I2V 720p', 'hunyuanvideo1.5_720p_i2v_fp16', {
    image_encoder: { id: `${repackaged}/clip_vision/sigclip_vision_patch14_384.safetensors`, format: 'f16' },
  }),
]
