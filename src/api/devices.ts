import { tryDevices } from '../engine/try-device.ts'
import { composition } from './engine.ts'

/** Uses the devices that a text names. @throws BackendError when one does not work */
export async function openDevices(text: string): Promise<void> {
  await tryDevices(composition.createBackend, text)
}
