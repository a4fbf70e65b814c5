#!/usr/bin/env bash
# The least that a loop with lanes can be: the git commands of one iteration in the order in which Capstan runs them,
# the agent's process, and nothing else. It decides nothing, checks nothing and survives nothing.
#
#   minimal.sh REPOSITORY INPUT STATE FIRST LAST [GIT_ARGUMENT...]
#
# INPUT holds what Capstan computes without git, made beforehand: plan.N and progress.N (the control files after step N),
# message and record (of the two commits), root (the other names at the root of the tree, one a line).
# Prints a line for each step from FIRST to LAST: microseconds of everything but the agent.
set -euo pipefail
shopt -s lastpipe

repository=$1 input=$2 state=$3 first=$4 last_step=$5
shift 5
git=(git "$@")
branch=refs/heads/capstan/bench
ledger=refs/capstan/ledger/minimal
attempts=refs/capstan/attempts/minimal/
lane=$state/lane verify=$state/verify
control=(prd.json progress.txt registries/ package.json Makefile makefile GNUmakefile justfile Cargo.toml go.mod)
mapfile -t root < "$input/root"

export LC_ALL=C GIT_OPTIONAL_LOCKS=0 GIT_TERMINAL_PROMPT=0 GIT_DIR=$repository/.git GIT_WORK_TREE=$repository
mkdir -p "$lane" "$verify"

# now NAME: microseconds since the epoch, without a process
now() { printf -v "$1" %s "${EPOCHREALTIME/[.,]/}"; }

empty=$(git hash-object -w -t tree /dev/null)
if ((first == 1)); then
  git update-ref "$branch" HEAD
  git symbolic-ref HEAD "$branch"
  git update-ref "$ledger" "$(git commit-tree "$empty" < "$input/record")"
fi
tip=$(git rev-parse "$branch")
last=$(git rev-parse "$ledger")

# fill NAME FOLDER TREE: makes a folder hold exactly a tree
fill() {
  GIT_WORK_TREE=$2 GIT_INDEX_FILE=$2.index "${git[@]}" -C "$2" clean -ffdxq
  "${git[@]}" for-each-ref --format="%(objectname) %(refname)" refs/heads refs/tags > /dev/null
  "${git[@]}" ls-tree -r -d -z "$3" > /dev/null
  "${git[@]}" update-ref "refs/capstan/base/$1" "$tip"
  GIT_WORK_TREE=$2 GIT_INDEX_FILE=$2.index "${git[@]}" -C "$2" read-tree --reset -u "$3"
}

heads() {
  "${git[@]}" for-each-ref --format="%(HEAD)%(objectname) %(refname)" "$branch" "$ledger" "$attempts" > /dev/null
}

for ((n = first; n <= last_step; n += 1)); do
  now started
  heads
  "${git[@]}" ls-tree -r -z --full-tree "$tip" -- "${control[@]}" > /dev/null
  "${git[@]}" ls-tree -z --full-tree --name-only "$tip" > /dev/null
  fill lane "$lane" "$tip"

  now before
  # Capstan gives the agent an index of its own; it copies without a process.
  cp "$lane.index" "$lane.collect"
  (cd "$lane" && exec touch "out/$n")
  now after

  GIT_WORK_TREE=$lane GIT_INDEX_FILE=$lane.collect "${git[@]}" -C "$lane" \
    add -A --sparse --ignore-errors -- . ":(top,exclude,literal)prd.json" ":(top,exclude,literal)progress.txt"
  GIT_WORK_TREE=$lane GIT_INDEX_FILE=$lane.collect "${git[@]}" -C "$lane" \
    diff-index --cached --raw -r -z --no-renames --full-index "$tip" > /dev/null
  work=$(GIT_WORK_TREE=$lane GIT_INDEX_FILE=$lane.collect "${git[@]}" -C "$lane" write-tree)

  fill verify "$verify" "$work"

  heads
  plan=$("${git[@]}" hash-object -w --stdin < "$input/plan.$n")
  progress=$("${git[@]}" hash-object -w --stdin < "$input/progress.$n")
  printf -v names "$work:%s\n" "${root[@]}"
  entries=
  "${git[@]}" cat-file --batch-check <<< "${names%$'\n'}" | for name in "${root[@]}"; do
    read -r oid type _
    if [[ $type == tree ]]; then entries+="040000 tree $oid	$name"$'\n'; else entries+="100644 blob $oid	$name"$'\n'; fi
  done
  tree=$("${git[@]}" mktree --missing --batch <<< "${entries}100644 blob $plan	prd.json
100644 blob $progress	progress.txt")
  next=$("${git[@]}" commit-tree "$tree" -p "$tip" < "$input/message")
  "${git[@]}" read-tree -n -m -u "$tip" "$next"
  record=$("${git[@]}" commit-tree "$empty" -p "$last" < "$input/record")
  "${git[@]}" -c core.fsync=committed,reference update-ref -m "land $n" --stdin <<< "update $branch $next $tip
update $ledger $record $last"
  "${git[@]}" read-tree -m -u "$tip" "$next"
  tip=$next last=$record
  now ended
  echo $((ended - started - after + before))
done
