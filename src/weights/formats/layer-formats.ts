import { awq } from './awq/awq.ts'
import { convrotW4a4 } from './convrot-w4a4/convrot-w4a4.ts'
import { fp8 } from './fp8/fp8.ts'
import { int8 } from './int8/int8.ts'
import type { LayerFormat } from './layer-format.ts'
import { modeloptNvfp4 } from './modelopt-nvfp4/modelopt-nvfp4.ts'
import { mxfp8 } from './mxfp8/mxfp8.ts'
import { nvfp4 } from './nvfp4/nvfp4.ts'
import { quanto } from './quanto/quanto.ts'
import { w4a8 } from './w4a8/w4a8.ts'

/** The formats of quantised layers in .safetensors files; of a layer without a marker, the first that matches. */
export const layerFormats: readonly LayerFormat[] = [
  mxfp8,
  fp8,
  int8,
  modeloptNvfp4,
  nvfp4,
  convrotW4a4,
  w4a8,
  awq,
  quanto,
]
