import { hasNormSiluWindows, normSiluPlaces } from '../../kernels/norm-silu-windows/op.ts'
import type { Graph, Value } from '../graph/graph.ts'
import type { FrameFlow } from './frame-flow.ts'

type ListedFrames = FrameFlow & Required<Pick<FrameFlow, 'windowsOf'>>

/** Whether norm, SiLU and windows of a flow's frames can be one op. */
export function joinsNormWithWindows(graph: Graph, frames: FrameFlow): frames is ListedFrames {
  return frames.windowsOf !== undefined && hasNormSiluWindows(graph)
}

/**
 * Windows of frames after root mean square norm over the channels, a scale and a shift, and SiLU: one op. For frames that
 * {@link joinsNormWithWindows}.
 * @param entered [frames, channels, height, width]
 * @param affine scale and shift, [channels] each in the frames' dtype
 * @returns [windows, 3·channels, height, width]
 */
export function windowsAfterNorm(
  entered: Value,
  frames: ListedFrames,
  affine: { readonly scale: Value; readonly shift: Value },
  epsilon: number,
): Value {
  return frames.windowsOf(entered, (all, places) => normSiluPlaces(all, affine, places, epsilon))
}
