#!/bin/sh
# Spreads the key that it was given ($MY_API_KEY): on both outputs, in two halves, in its notes and in the file $1.
echo "Using $MY_API_KEY"
echo "key: $MY_API_KEY" >&2
rest=${MY_API_KEY#????????}
printf '%s' "${MY_API_KEY%"$rest"}"; sleep 0.2; echo "$rest"
printf '\n## now - US-001\n- Worked with %s\n---\n' "$MY_API_KEY" >> progress.txt
sed -i.bak "s/\"notes\": \"\"/\"notes\": \"used $MY_API_KEY\"/" prd.json && rm prd.json.bak
echo "key=$MY_API_KEY" > "$1"
env | grep -c OTHER_API_KEY
echo one > one.txt
