#!/bin/sh
# The agent of every step: soak-agent ATTEMPT. What it does at which attempt stands in modes/<step>, one word a line.
mode=$(sed -n "${1}p" "$(dirname "$0")/modes/$CAPSTAN_STEP")
event() { printf '%s\n' "$1"; }
work() { mkdir -p out && echo "$mode $1" > "out/$CAPSTAN_STEP"; }
event '{"kind":"start","model":"soak"}'
event "{\"kind\":\"text\",\"text\":\"working on $CAPSTAN_STEP\"}"
case $mode in
  works | works-*) work "$1" ;;
  wrong) mkdir -p drafts && echo "$CAPSTAN_STEP" > "drafts/$CAPSTAN_STEP" ;;
esac
case $mode in
  works-commits) git add -A && git commit -q -m "own commit" ;;
  works-notes)
    printf '## 2026-01-01T00:00:00Z - %s\n- Did it\n- **Learnings for future iterations:**\n  - Learned it\n---\n' \
      "$CAPSTAN_STEP" >> progress.txt ;;
  works-leaves) setsid sleep 300 > /dev/null 2>&1 < /dev/null & ;;
  fails) event '{"kind":"error","fault":{"class":"unknown","message":"it did not work out"}}' && exit 1 ;;
  dies) kill -9 $$ ;;
  silent) sleep 300 ;;
  forever) while :; do event '{"kind":"text","text":"still at it"}' && sleep 0.2; done ;;
  limited)
    event "{\"kind\":\"error\",\"fault\":{\"class\":\"rate-limit\",\"message\":\"slow down\",\"resumeAt\":$(date +%s)000}}"
    exit 1 ;;
  tampers) sed -i 's/"passes": false/"passes": true/' prd.json ;;
  floods) head -c 3000000 /dev/zero | tr '\0' 'x' ; echo ;;
  garbles) head -c 20000 /dev/urandom ; echo ;;
esac
event '{"kind":"end","ok":true,"finalText":"All done.\n<promise>COMPLETE</promise>"}'
