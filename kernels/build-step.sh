# Sourced by the build scripts of this folder, in the folder whose build/ they fill.

# build_once RESULT COMMAND FIND…: ends the script where RESULT was built with COMMAND and no file that `find FIND…` lists
# is newer. Two test files may ask for it at once: one waits for the other.
build_once() {
  local result=$1 command=$2
  shift 2
  mkdir -p build
  if command -v flock >/dev/null; then exec 9>build/lock && flock 9; fi
  if [ -f "$result" ] && [ "$command" = "$(cat build/command 2>/dev/null)" ] && [ -z "$(find "$@" -newer "$result")" ]; then
    echo "kernels/$(basename "$PWD")/$result is up to date"
    exit
  fi
}

# built RESULT COMMAND: puts build/$$.part in place in one step, for a process that has the old file loaded keeps it.
built() {
  mv "build/$$.part" "$1"
  echo "$2" >build/command
  echo "kernels/$(basename "$PWD")/$1"
}
