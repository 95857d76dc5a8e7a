#!/usr/bin/env bash
# call.sh: places one call into a PBX that asterisk.sh runs, so that a developer can watch what ringbook makes of it.
set -euo pipefail

usage() {
	cat <<'EOF'
usage: deploy/lab/call.sh [OPTION...] [KEY=VALUE...]

  --from NUMBER     who calls (09120001001)
  --name NAME       the caller's name, as the line delivers it
  --to NUMBER       what is called (91001234, the queue support); README.md in deploy/asterisk lists them all
  --agent EXT       an agent calls instead of somebody outside, e.g. --agent 1001 --to 09120002002
  --phones WHAT     what the agents' phones do: answer, ring, busy, decline; or none, for phones of your own (ring).
                    A list gives each its own, and leaves the others out: 1001=ring,1002=answer
  --far WHAT        what the far end of the line does when an agent calls: the same words (answer)
  --header LINE     one more line in the call's INVITE, e.g. "Privacy: id"
  --ring SECONDS    how long they ring before they answer or decline (4)
  --talk SECONDS    how long the caller talks, or waits in a queue that answers by itself, before hanging up (20)
  --wait SECONDS    how long the caller lets it ring before giving up (30)

keys (default): SIP_PORT (5060)  TRUNK_PORT (5080)  PHONE_PASSWORD (phone-lab)

Ctrl-C ends the call's programs at once; the PBX then ends the call by itself.
EOF
}

die() {
	echo "call.sh: $*" >&2
	exit 1
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
declare -A value=(
	[SIP_PORT]=5060 [TRUNK_PORT]=5080 [PHONE_PASSWORD]=phone-lab
	[from]=09120001001 [name]="" [to]=91001234 [agent]="" [phones]=ring [far]=answer [header]="" [ring]=4 [talk]=20 [wait]=30
)
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help)
		usage
		exit
		;;
	--*)
		key=${1#--}
		[[ $key != *[A-Z]* && -v value[$key] ]] || die "unknown option $1; see call.sh --help"
		[ $# -ge 2 ] || die "$1 needs a value"
		value[$key]=$2
		shift 2
		;;
	*=*)
		[[ ${1%%=*} != *[a-z]* && -v value[${1%%=*}] ]] || die "unknown key $1; see call.sh --help"
		value[${1%%=*}]=${1#*=}
		shift
		;;
	*) die "unknown argument $1; see call.sh --help" ;;
	esac
done
for key in ring talk wait SIP_PORT TRUNK_PORT; do
	[[ ${value[$key]} =~ ^[0-9]+$ ]] || die "$key must be a whole number, not \"${value[$key]}\""
done
command -v sipp >/dev/null || die "sipp is missing: run deploy/lab/asterisk.sh install (or apt-get install sip-tester)"

work=$(mktemp -d)
programs=()
phones=() # "EXT PORT" of those registered
pbx=127.0.0.1:${value[SIP_PORT]}

# scenario NAME PORT [STATUS]: fills the scenario in, for the program at that port.
scenario() {
	local talk=${value[talk]}
	# A phone that answers waits longer than its caller does.
	[[ $1 != phone-* ]] || talk=$((talk + 60))
	sed -e "s/@RING@/$((value[ring] * 1000))/g" -e "s/@TALK@/$((talk * 1000))/g" \
		-e "s/@CANCEL@/$((value[wait] * 1000))/g" -e "s/@STATUS@/${3:-}/g" -e "s/@DIGITS@//g" \
		"$here/sipp/$1.xml" >"$work/$2.xml"
}

# free_port: a UDP port that nobody on this machine has; the n-th call gives the n-th such port.
next_port=23000
free_port() {
	local hex
	while hex=$(printf ':%04X ' "$next_port") && grep -q "$hex" /proc/net/udp; do next_port=$((next_port + 1)); done
	port=$next_port
	next_port=$((next_port + 1))
}

register() { # EXT PORT SECONDS
	free_port
	timeout 10 sipp -nostdin -sf "$here/sipp/register.xml" -m 1 -i 127.0.0.1 -p "$port" -key ext "$1" \
		-key contact_port "$2" -key expires "$3" -au "$1" -ap "${value[PHONE_PASSWORD]}" "$pbx" >"$work/register.log" 2>&1
}

play() { # WHAT PORT: a phone in the background that does as told
	local name status=""
	case $1 in
	answer) name="phone-answers" ;;
	ring) name="phone-rings" ;;
	busy) name="phone-busy" status="486 Busy Here" ;;
	decline) name="phone-refuses" status="603 Decline" ;;
	*) die "a phone can answer, ring, busy or decline, not \"$1\"" ;;
	esac
	scenario "$name" "$2" "$status"
	sipp -nostdin -sf "$work/$2.xml" -i 127.0.0.1 -p "$2" "$pbx" >"$work/$2.log" 2>&1 &
	programs+=($!)
}

cleanup() {
	trap - INT TERM EXIT
	local phone
	for phone in "${phones[@]}"; do register "${phone% *}" "${phone#* }" 0 || true; done
	[ ${#programs[@]} -eq 0 ] || kill "${programs[@]}" 2>/dev/null || true
	wait 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

case ${value[phones]} in
none) list="" ;;
*=*) list=${value[phones]//,/ } ;;
*) list="1001=${value[phones]} 1002=${value[phones]} 1003=${value[phones]} 1004=${value[phones]}" ;;
esac
for pair in $list; do
	ext=${pair%%=*}
	[ "$ext" != "${value[agent]}" ] || continue
	free_port
	phone=$port
	play "${pair#*=}" "$phone"
	register "$ext" "$phone" 3600 || die "phone $ext could not register at $pbx: is the PBX running (make pbx)?"
	phones+=("$ext $phone")
done
if [ -n "${value[agent]}" ]; then play "${value[far]}" "${value[TRUNK_PORT]}"; fi

free_port
if [ -n "${value[agent]}" ]; then
	echo "${value[agent]} calls ${value[to]}; phones: ${value[phones]}"
	scenario agent "$port"
	set -- -key from "<sip:${value[agent]}@127.0.0.1>" -au "${value[agent]}" -ap "${value[PHONE_PASSWORD]}"
else
	echo "${value[from]} ${value[name]:+(${value[name]}) }calls ${value[to]}; phones: ${value[phones]}"
	name=${value[name]//\"/}
	scenario caller "$port"
	set -- -key from "${name:+\"$name\" }<sip:${value[from]}@carrier.example>"
fi
headers=""
[ -z "${value[header]}" ] || headers=${value[header]}$'\r\n'
sipp -nostdin -sf "$work/$port.xml" "$@" -m 1 -i 127.0.0.1 -p "$port" -key to "${value[to]}" -key headers "$headers" \
	-trace_err -error_file "$work/call.err" "$pbx" >"$work/call.log" 2>&1 &
call=$!
programs+=("$call")
if wait "$call"; then # in the background, so that a signal is heard at once
	echo "the call is over"
else
	cat "$work/call.err" >&2 2>/dev/null || true
	die "SIP did not go as expected: is the PBX running (make pbx) on $pbx?"
fi
