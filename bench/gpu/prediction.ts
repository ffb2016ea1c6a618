/** `node prediction.js [FILE]`: writes the predicted times of the GPU benchmarks to a file, or prints them. */
import { writeFileSync } from 'node:fs'
import { predictionPage } from './prediction-page.ts'

const [file] = process.argv.slice(2)
if (file === undefined) process.stdout.write(predictionPage())
else writeFileSync(file, predictionPage())
