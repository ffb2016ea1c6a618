import { MediaError } from '../errors.ts'
import { libraryReason } from './library-reason.ts'
import { loadCodecs } from './mediabunny.ts'
import type { Picture } from './read-picture.ts'

type Libav = typeof import('node-av')

/**
 * A picture after a round trip through H.264 as the only frame of a video: x264's preset `veryfast` at a constant rate factor,
 * in 4:2:0 (diffusers `apply_image_conditioning_crf`). An odd last row or column is cut off.
 * @param crf from 1 (fine) to 51 (coarse)
 * @throws MediaError `media/input` where the codecs are not installed or fail
 */
export async function recompress(picture: Picture, crf: number): Promise<Picture> {
  await loadCodecs('media/input')
  const libav = await import('node-av')
  const source = evenPart(picture)
  try {
    using packets = new PacketList(libav)
    await encodeStill(libav, source, crf, packets)
    return await decodeStill(libav, packets)
  } catch (error) {
    throw new MediaError(
      'media/input',
      { subject: 'picture', expected: 'H.264 to encode and decode it', got: libraryReason(error) },
      { cause: error },
    )
  }
}

/** Packets, which are freed with their list. */
class PacketList implements Disposable {
  readonly all: InstanceType<Libav['Packet']>[] = []
  readonly #libav: Libav

  constructor(libav: Libav) {
    this.#libav = libav
  }

  add() {
    const packet = new this.#libav.Packet()
    packet.alloc()
    this.all.push(packet)
    return packet
  }

  [Symbol.dispose](): void {
    for (const packet of this.all) packet.free()
  }
}

function evenPart({ width, height, data }: Picture): Picture {
  const [columns, rows] = [width - (width % 2), height - (height % 2)]
  if (columns === width && rows === height) return { width, height, data }
  const cut = new Uint8Array(3 * columns * rows)
  for (let row = 0; row < rows; row++) {
    cut.set(data.subarray(3 * row * width, 3 * (row * width + columns)), 3 * row * columns)
  }
  return { width: columns, height: rows, data: cut }
}

async function encodeStill(
  libav: Libav,
  { width, height, data }: Picture,
  crf: number,
  packets: PacketList,
): Promise<void> {
  const { AV_PIX_FMT_RGB24, AV_PIX_FMT_YUV420P, Codec, CodecContext, FFmpegError, Frame, Rational } = libav
  const codec = Codec.findEncoderByName(libav.FF_ENCODER_LIBX264)
  if (!codec) throw new Error('no encoder libx264')
  const rgb = { width, height, format: AV_PIX_FMT_RGB24, timeBase: { num: 1, den: 1 }, pts: 0n }
  using frame = Frame.fromVideoBuffer(Buffer.from(data), rgb)
  using planes = scaled(libav, frame, AV_PIX_FMT_YUV420P)
  planes.pts = 0n
  using encoder = new CodecContext()
  encoder.allocContext3(codec)
  Object.assign(encoder, { width, height, pixelFormat: AV_PIX_FMT_YUV420P })
  encoder.timeBase = new Rational(1, 1)
  encoder.framerate = new Rational(1, 1)
  encoder.bitRate = 0n
  encoder.setOption('crf', String(crf))
  encoder.setOption('preset', 'veryfast')
  FFmpegError.throwIfError(await encoder.open2(), 'open the encoder')
  for (const next of [planes, null]) {
    FFmpegError.throwIfError(await encoder.sendFrame(next), 'encode')
    while ((await encoder.receivePacket(packets.add())) >= 0);
  }
}

async function decodeStill(libav: Libav, { all }: PacketList): Promise<Picture> {
  const { AV_PIX_FMT_RGB24, Codec, CodecContext, FFmpegError, Frame } = libav
  const codec = Codec.findDecoder(libav.AV_CODEC_ID_H264)
  if (!codec) throw new Error('no decoder of H.264')
  using decoder = new CodecContext()
  decoder.allocContext3(codec)
  FFmpegError.throwIfError(await decoder.open2(), 'open the decoder')
  using frame = new Frame()
  frame.alloc()
  for (const packet of [...all.filter(({ size }) => size > 0), null]) {
    FFmpegError.throwIfError(await decoder.sendPacket(packet), 'decode')
    if ((await decoder.receiveFrame(frame)) < 0) continue
    using rgb = scaled(libav, frame, AV_PIX_FMT_RGB24)
    const { width, height } = rgb
    return { width, height, data: new Uint8Array(rgb.toBuffer()) }
  }
  throw new Error('no frame')
}

/** The frame in another pixel format, of the same size. */
function scaled(
  libav: Libav,
  frame: InstanceType<Libav['Frame']>,
  format: Libav['AV_PIX_FMT_RGB24'],
): InstanceType<Libav['Frame']> {
  const { FFmpegError, Frame, SoftwareScaleContext, SWS_BILINEAR } = libav
  const { width, height } = frame
  using scaler = new SoftwareScaleContext()
  scaler.getContext(width, height, frame.format as typeof format, width, height, format, SWS_BILINEAR)
  const result = new Frame()
  result.alloc()
  Object.assign(result, { width, height, format })
  FFmpegError.throwIfError(result.allocBuffer(), 'allocate a frame')
  FFmpegError.throwIfError(scaler.scaleFrameSync(result, frame), 'convert a frame')
  return result
}
