#!/bin/sh
# Prints 200 MB (or $1 bytes) in lines; with "one-line" as $2, without a single line break.
bytes=${1:-200000000}
if [ "$2" = "one-line" ]; then
  head -c "$bytes" /dev/zero | tr '\0' x
else
  yes "one of the many lines that nobody is ever going to read" | head -c "$bytes"
fi
