/**
 * Ends this process as soon as its parent has ended: without one there is nobody to work for. Killed, as native code in the
 * middle of a run ends in no other way.
 * @param cleanUp what has to be done before
 */
export function endWithParent(cleanUp: () => void = () => {}): void {
  const end = () => {
    cleanUp()
    process.kill(process.pid, 'SIGKILL')
  }
  process.on('disconnect', end)
  // It may have ended while this process was loading its code.
  if (!process.connected) end()
}
