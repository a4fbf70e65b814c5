#!/bin/sh
# Speaks like Claude Code and does the same again and again (or $1 times), ignoring that it gets it nowhere:
# the same tool call. Never says that it is done before that.
echo '{"type":"system","subtype":"init","model":"mock","claude_code_version":"0.0.0"}'
echo "going in circles" > circles.txt
call=0
while [ "$call" -lt "${1:-1000000}" ]; do
  call=$((call + 1))
  printf '{"type":"assistant","message":{"content":[{"type":"tool_use","id":"t%s","name":"Bash","input":{"command":"npm test"}}]}}\n' "$call"
  printf '{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t%s","is_error":false,"content":"0 tests"}]}}\n' "$call"
done
echo '{"type":"result","subtype":"success","is_error":false,"result":"done"}'
