import { describe, expect, test } from 'vitest'
import {
  addDims,
  type Dim,
  divideDims,
  evaluateDim,
  floorDivideDims,
  multiplyDims,
  productOf,
  sameShape,
  shapeText,
} from '../../../src/graph/dims.ts'

describe('addDims', () => {
  test.each<[Dim, Dim, Dim]>([
    [2, 3, 5],
    ['h', 0, 'h'],
    ['h', 2, 'h+2'],
    ['h+2', -2, 'h'],
    ['h', 'h', '2*h'],
    ['h', '-h', 0],
    ['w', 'h', 'h+w'],
    ['h-2', 'w+2', 'h+w'],
    ['2*h*w+1', '-2*h*w', 1],
    [-3, 'h', 'h-3'],
  ])('%s + %s is %s', (a, b, sum) => {
    expect(addDims(a, b)).toBe(sum)
  })
})

describe('multiplyDims', () => {
  test.each<[Dim, Dim, Dim]>([
    [2, 3, 6],
    ['h', 0, 0],
    ['h', 1, 'h'],
    ['w', 'h', 'h*w'],
    ['h*w', 'h', 'h*h*w'],
    ['h+1', 'h-1', 'h*h-1'],
    ['2*h+1', 4, '8*h+4'],
    ['-h', '-w', 'h*w'],
  ])('%s times %s is %s', (a, b, product) => {
    expect(multiplyDims(a, b)).toBe(product)
  })
})

describe('divideDims', () => {
  test.each<[Dim, Dim, Dim | undefined]>([
    [6, 3, 2],
    [7, 2, undefined],
    ['4*h', 2, '2*h'],
    ['4*h+2', 2, '2*h+1'],
    ['4*h+1', 2, undefined],
    ['h*w', 'w', 'h'],
    ['h*w', 't', undefined],
    ['h*w+w', 'w', 'h+1'],
    ['h+w', 'h+w', 1],
    ['h+w', 'h-w', undefined],
    ['h', -1, '-h'],
    ['12*h*w', '4*w', '3*h'],
  ])('%s over %s is %s', (a, b, quotient) => {
    expect(divideDims(a, b)).toBe(quotient)
  })
})

describe('floorDivideDims', () => {
  test.each<[Dim, number, Dim | undefined]>([
    [7, 2, 3],
    [-1, 2, -1],
    ['4*h+1', 2, '2*h'],
    ['4*h-1', 2, '2*h-1'],
    ['640*h-480', 80, '8*h-6'],
    ['3*h', 2, undefined],
  ])('%s over %s, rounded down, is %s', (a, b, quotient) => {
    expect(floorDivideDims(a, b)).toBe(quotient)
  })
})

test('a dimension has one spelling, however it was made', () => {
  const made = multiplyDims(addDims('w', 'h'), addDims('h', -1))
  expect(made).toBe(addDims(addDims(multiplyDims('h', 'h'), multiplyDims('h', 'w')), addDims('-w', '-h')))
})

test('arithmetic on symbols is arithmetic on their values', () => {
  const symbols = { h: 5, w: 7 }
  const dims: Dim[] = [3, 'h', 'w', 'h*w', '2*h+1', 'h-w', '-3*w+2']
  for (const a of dims) {
    for (const b of dims) {
      const [x, y] = [evaluateDim(a, symbols), evaluateDim(b, symbols)]
      expect(evaluateDim(addDims(a, b), symbols)).toBe(x + y)
      expect(evaluateDim(multiplyDims(a, b), symbols)).toBe(x * y)
    }
  }
})

test('a symbol without a value is an error that names it', () => {
  expect(() => evaluateDim('2*h*w', { h: 1 })).toThrow(
    new RangeError('dimension 2*h*w: expected a value for w, got none.'),
  )
})

test('the product of a shape is the number of its elements', () => {
  expect(productOf([2, 'h', 'w', 3])).toBe('6*h*w')
  expect(productOf([])).toBe(1)
})

test('shapes are the same when every dimension is', () => {
  expect(sameShape([1, 'h'], [1, 'h'])).toBe(true)
  expect(sameShape([1, 'h'], [1, 'w'])).toBe(false)
  expect(sameShape([1], [1, 1])).toBe(false)
  expect(shapeText([1, 't', '2*h'])).toBe('[1, t, 2*h]')
})
