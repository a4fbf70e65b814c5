#!/bin/sh
# The agent of every step: agent.sh WITNESSES ID HOW SECONDS PROGRESS. It leaves a witness when it begins and when it is done, so
# that the harness knows what must be found later. HOW is a list of words.
witnesses=$1 id=$2 how=$3 seconds=$4 progress=$5
nonce="$id-$$-$(date +%s%N)"
mkdir -p out part
: > "$witnesses/began/$nonce"
fails=
case $how in
  *drafts*) [ -f "part/$id" ] || fails=1 ;;
esac
echo "$nonce" > "part/$id"
case $seconds in 0) ;; *) sleep "$seconds" ;; esac
[ -n "$fails" ] || echo "$nonce" > "out/$id.txt"
printf '## 2026-01-01T00:00:00Z - %s\n- Did %s\n- **Learnings for future iterations:**\n  - Learned from %s\n---\n' \
  "$id" "$nonce" "$nonce" >> "$progress"
case $how in
  *patterns*)
    if grep -q '^## Codebase Patterns' "$progress" 2> /dev/null; then
      sed -i "/^## Codebase Patterns/a - Pattern of $nonce" "$progress"
      : > "$witnesses/patterns/$nonce"
    fi ;;
esac
case $how in
  *commits*) git add -A > /dev/null 2>&1 && git commit -q -m "own $id" > /dev/null 2>&1 ;;
esac
case $how in
  *leaves*) sleep 300 > /dev/null 2>&1 & ;;
esac
: > "$witnesses/done/$nonce"
echo "did $nonce"
case $how in
  *errs*) [ -z "$fails" ] || exit 3 ;;
esac
exit 0
