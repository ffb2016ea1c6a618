import { fp8 } from './fp8/fp8.ts'
import { int8 } from './int8/int8.ts'
import type { LayerFormat } from './layer-format.ts'
import { mxfp8 } from './mxfp8/mxfp8.ts'
import { nvfp4 } from './nvfp4/nvfp4.ts'

/** The formats of quantised layers in .safetensors files. */
export const layerFormats: readonly LayerFormat[] = [fp8, int8, nvfp4, mxfp8]
