#!/bin/sh
# Does its own step well ($1) and throws away what an earlier one achieved ($2).
echo "done" > "$1"
echo "bye" > "$2"
echo "Done. Everything passes."
