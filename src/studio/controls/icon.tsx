/** Lines on a grid of 24. */
const paths = {
  close: 'M6 6l12 12M18 6L6 18',
  compare: 'M4 5h7v14H4zM13 5h7v14h-7z',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  dice: 'M4 4h16v16H4zM8.5 8.5h.01M15.5 15.5h.01M12 12h.01M15.5 8.5h.01M8.5 15.5h.01',
  download: 'M12 4v11m-5-4.5l5 5 5-5M5 20h14',
  edit: 'M4 20h4L19 9l-4-4L4 16zM13.5 6.5l4 4',
  extend: 'M4 12h13m-5-5l5 5-5 5M21 5v14',
  film: 'M4 5h16v14H4zM8 5v14M16 5v14M4 12h16',
  forward: 'M9 5l7 7-7 7',
  back: 'M15 5l-7 7 7 7',
  locked: 'M6 11h12v9H6zM9 11V8a3 3 0 0 1 6 0v3',
  unlocked: 'M6 11h12v9H6zM9 11V8a3 3 0 0 1 5.6-1.5',
  loop: 'M17 3l3 3-3 3M4 11V9a3 3 0 0 1 3-3h13M7 21l-3-3 3-3m13-2v2a3 3 0 0 1-3 3H4',
  pause: 'M8 5v14M16 5v14',
  picture: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M9 9h.01',
  play: 'M7 4.5v15l12-7.5z',
  retry: 'M20 11a8 8 0 1 0-2.3 6.3M20 4v7h-7',
  silent: 'M4 9.5v5h4l5 4v-13l-5 4zM17 9.5l4 5M21 9.5l-4 5',
  sound: 'M4 9.5v5h4l5 4v-13l-5 4zM16.5 9a4.5 4.5 0 0 1 0 6M19 6.5a8 8 0 0 1 0 11',
  spark: 'M12 3l2 6.5L20.5 12 14 14.5 12 21l-2-6.5L3.5 12 10 9.5z',
  theme: 'M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16',
  trash: 'M4 7h16M9 7V4h6v3m-8 0l1 13h8l1-13',
} as const

export type IconName = keyof typeof paths

/** A picture beside a word, or in a button that has a label. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  )
}
