import { cpSync, realpathSync, symlinkSync } from 'node:fs'
import path from 'node:path'

/**
 * Copies a model folder, to change its JSON files or to replace its weights as a whole. The weights are links to those of the
 * model: sessions that are open for it serve the copy, too, see `KeptBackend`. They must not be written to.
 * @param to where nothing is yet
 * @param without files and folders that are left out, as paths in the model
 */
export function copyModel(from: string, to: string, without: readonly string[] = []): void {
  cpSync(from, to, {
    recursive: true,
    filter: (source, target) => {
      if (without.includes(path.relative(from, source))) return false
      if (!/\.(?:safetensors|gguf)$/.test(source)) return true
      symlinkSync(realpathSync(source), target)
      return false
    },
  })
}
