import { keyNeeded, useKey } from './server/session.ts'
import { texts } from './texts/texts.ts'

/** Asks for the API key that the server wants. */
export function KeyForm() {
  return (
    <main class="key-form">
      <form
        onSubmit={event => {
          event.preventDefault()
          const key = new FormData(event.currentTarget).get('key')
          if (typeof key === 'string' && key.trim() !== '') useKey(key.trim())
        }}
      >
        <h2>{texts.key.title}</h2>
        <p class="muted" id="key-about">
          {texts.key.about}
        </p>
        <label for="key">{texts.key.label}</label>
        <input id="key" name="key" type="password" autocomplete="off" aria-describedby="key-about" required />
        {keyNeeded.value === 'wrong' && (
          <p class="issue" role="alert">
            {texts.key.wrong}
          </p>
        )}
        <button type="submit" class="primary">
          {texts.key.submit}
        </button>
      </form>
    </main>
  )
}
