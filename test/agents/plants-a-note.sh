#!/bin/sh
# Hides notes for its successor in every place that is its own, and writes to $1 where it found one of an earlier agent.
for place in ignored .git "$HOME" "$TMPDIR"; do
  [ -e "$place/note" ] && echo "found in $place" >> "$1"
  mkdir -p "$place" && echo "the answer" > "$place/note"
done
git config --get capstan.note && echo "found in the configuration" >> "$1"
git config capstan.note "the answer"
git rev-parse --verify --quiet refs/heads/note > /dev/null && echo "found in a ref" >> "$1"
git update-ref refs/heads/note HEAD
echo "planted by $CAPSTAN_STEP" >> "$1"
