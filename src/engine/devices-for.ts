import { type Device, parseDeviceName, parseDevices } from '../runtime/device.ts'
import { type ComputePrecision, checkPrecision } from './graph-source.ts'

/**
 * The devices that a text names, to compute in a precision.
 * @throws as `parseDevices`, and RequestError for a precision of another kind of device: it is said before what a GPU needs
 *   that this machine lacks
 */
export function devicesFor(
  text: string,
  requested: ComputePrecision | undefined,
): readonly [Device, Device?] {
  for (const name of text === 'auto' ? [] : text.split(',')) {
    checkPrecision({ device: parseDeviceName(name), requested })
  }
  return parseDevices(text)
}
