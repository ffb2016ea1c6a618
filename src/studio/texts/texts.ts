import { english } from './english.ts'

/** The texts of the page's language. */
export const texts = english
