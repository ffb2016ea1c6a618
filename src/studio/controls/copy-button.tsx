import { useState } from 'preact/hooks'
import { texts } from '../texts/texts.ts'
import { Icon } from './icon.tsx'

const shownMs = 1500

/** Copies a text, and says so. */
export function CopyButton({ label, text }: { readonly label: string; readonly text: string | undefined }) {
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text ?? '')
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
