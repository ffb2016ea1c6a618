import { CallError, call, ownAddress } from './call.ts'

interface Place {
  readonly uploadUrl: string
  readonly fields: Readonly<Record<string, string>>
  readonly runwayUri: string
}

/** Smaller files are refused as uploads, and go with the request. */
const leastBytes = 512

/** Sends a file. @returns the address that requests name it by */
export async function uploadFile(file: Blob, name: string): Promise<string> {
  if (file.size < leastBytes) return await dataUri(file)
  const place = await call<Place>('v1/uploads', {
    body: { filename: name.slice(0, 255), type: 'ephemeral' },
  })
  const form = new FormData()
  for (const [field, value] of Object.entries(place.fields)) form.append(field, value)
  form.append('file', file, 'file')
  const response = await fetch(ownAddress(place.uploadUrl), { method: 'POST', body: form })
  if (!response.ok) {
    const { error = response.statusText } = await response.json().catch(() => ({}))
    throw new CallError(response.status, `${name}: ${error}`)
  }
  return place.runwayUri
}

async function dataUri(file: Blob): Promise<string> {
  const reader = new FileReader()
  const read = new Promise<string>((resolve, reject) => {
    reader.onload = () => resolve(String(reader.result))
    reader.onerror = () => reject(reader.error)
  })
  reader.readAsDataURL(file)
  return await read
}
