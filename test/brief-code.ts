import { setFlagsFromString } from 'node:v8'

// Most code is hot for a moment of a run of tests: V8 optimises only what goes on, six times as long as by itself. A twentieth
// of the CPU time of a run is compiling that does not pay.
setFlagsFromString('--interrupt-budget=400000')
