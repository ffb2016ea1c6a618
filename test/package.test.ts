/** What npm is told about the package. */
import { execFileSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

interface LockFile {
  readonly packages: Record<string, LockedPackage>
}

interface LockedPackage {
  readonly version?: string
  readonly integrity?: string
  readonly link?: boolean
  readonly dev?: boolean
  readonly hasInstallScript?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

interface PackedManifest {
  readonly name: string
  readonly scripts?: Readonly<Record<string, string>>
  readonly bundleDependencies?: readonly string[]
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** The folders that a package is looked for in, from one that needs it up. */
function foldersAbove(folder: string): string[] {
  const at = folder.lastIndexOf('/node_modules/')
  if (folder === '') return ['node_modules']
  return [`${folder}/node_modules`, ...(at < 0 ? ['node_modules'] : foldersAbove(folder.slice(0, at)))]
}

test('the lock file has every package that one of it names: npm ci refuses it otherwise', () => {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as LockFile
  const missing = Object.entries(packages).flatMap(([folder, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter(name => !foldersAbove(folder).some(above => `${above}/${name}` in packages))
      .map(name => `${name} of ${folder}`),
  )
  expect(missing).toEqual([])
})

test('the lock file has a checksum for every package of every platform', () => {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as LockFile
  const installed = Object.entries(packages).filter(([folder]) => folder !== '')
  expect(installed.length).toBeGreaterThan(100)
  const unchecked = installed.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))
  expect(unchecked.map(([folder]) => folder)).toEqual([])
})

// npm runs the install script of a package only where the lock file says that it has one.
test('installing runs no script of a dependency: those of three packages download, or set right what is right', () => {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as LockFile
  const scripts = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript)
  expect(scripts).toEqual([])
})

test('scripts that run compiled code compile it first', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as Required<PackedManifest>
  const compiled = Object.keys(scripts).filter(name => /\bnode dist\//.test(scripts[name]!))
  expect(compiled).toContain('path')
  expect(compiled.filter(name => scripts[`pre${name}`] !== 'npm run build')).toEqual([])
})

test('installing the package runs no script, and npm has none to ask about', () => {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as LockFile
  const shown = execFileSync(process.execPath, ['.ci/pack-manifest.mjs', 'show'], { encoding: 'utf8' })
  const [own, ...brought] = JSON.parse(shown) as [PackedManifest, ...PackedManifest[]]
  const names = brought.map(({ name }) => name)
  expect(own.bundleDependencies).toEqual(expect.arrayContaining(names))
  // Those that npm installs with it, as they are published; one is only there on its platform.
  const others = Object.entries(packages).filter(([folder, { dev }]) => {
    const name = folder.split('node_modules/').at(-1)!
    return folder !== '' && !dev && !names.includes(name) && existsSync(join(folder, 'package.json'))
  })
  expect(others.length).toBeGreaterThan(20)
  const manifests = others.map(([folder]) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')))
  const scripts = [own, ...brought, ...(manifests as PackedManifest[])].flatMap(({ name, scripts = {} }) =>
    ['preinstall', 'install', 'postinstall']
      .filter(each => each in scripts)
      .map(each => `${each} of ${name}`),
  )
  expect(scripts).toEqual([])
})

test('the package asks for the native library of FFmpeg of every platform that there is one for', () => {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as LockFile
  const shown = execFileSync(process.execPath, ['.ci/pack-manifest.mjs', 'show'], { encoding: 'utf8' })
  const [own] = JSON.parse(shown) as [PackedManifest]
  const { optionalDependencies = {}, version } = packages['node_modules/node-av']!
  const libraries = Object.keys(optionalDependencies).filter(name => name.startsWith('@seydx/'))
  expect(libraries).toContain('@seydx/node-av-linux-x64')
  expect(own.optionalDependencies).toEqual(Object.fromEntries(libraries.map(name => [name, version])))
})

test('the package holds the ONNX Runtime that it was tested with, and no dependency brings another', () => {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as LockFile
  const { version } = JSON.parse(readFileSync('dist/onnxruntime/package.json', 'utf8')) as LockedPackage
  expect(packages['node_modules/onnxruntime-node']).toMatchObject({ dev: true, version })
  expect(packages['node_modules/onnxruntime-common']?.version).toBe(version)
})

test('npm is configured without keys that it does not know', () => {
  const keys = readFileSync('.npmrc', 'utf8').match(/^[^=\n]+(?==)/gm)
  expect(keys).toEqual(['fund', 'audit'])
})

test('its command can be run after every build: npx sets no permissions of a folder that it has seen', () => {
  const { bin } = JSON.parse(readFileSync('package.json', 'utf8')) as { bin: { framewright: string } }
  expect(() => accessSync(bin.framewright, constants.X_OK)).not.toThrow()
})

test('pictures can be read on the oldest Node.js, which cannot load the ES modules of their library', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'))
  const loads = files.filter(file =>
    /import\('sharp'\)|^import (?!type).* from 'sharp'/m.test(readFileSync(join('src', file), 'utf8')),
  )
  expect(loads).toEqual([])
  expect(readFileSync('src/media/load-sharp.ts', 'utf8')).toContain("require('sharp')")
})
