import { useState } from 'preact/hooks'
import { texts } from '../texts/texts.ts'
import { Icon } from './icon.tsx'

const shownMs = 1500

/** Copies a text, and says so. */
export function CopyButton({ label, text }: { readonly label: string; readonly text: string | undefined }) {
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    await copyText(text ?? '')
    setCopied(true)
    setTimeout(() => setCopied(false), shownMs)
  }
  return (
    <button
      type="button"
      class="quiet"
      disabled={text === undefined}
      title={text}
      onClick={() => void copy()}
    >
      <Icon name="copy" />
      <span aria-live="polite">{copied ? texts.make.copied : label}</span>
    </button>
  )
}

/** Puts a text on the clipboard: over plain HTTP from another machine, browsers have no clipboard but a selection's. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return await navigator.clipboard.writeText(text)
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}
