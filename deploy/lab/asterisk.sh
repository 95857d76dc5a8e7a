#!/usr/bin/env bash
# asterisk.sh: a real Asterisk on a developer's machine, out of a folder of its own, with the PBX of deploy/asterisk.
set -euo pipefail

usage() {
	cat <<'EOF'
usage: deploy/lab/asterisk.sh COMMAND

  install                  make the folder with Asterisk in it, unless it is there (needs root or sudo)
  run NAME [KEY=VALUE...]  start the PBX called NAME and stay until it ends or is told to (Ctrl-C, SIGTERM; with
                           UNTIL_EOF=1 also when standard input ends). Prints "ready ..." once ARI answers and SIP is up.
                           Its files lie inside the folder and are removed at the end.
  start NAME [KEY=VALUE...]  the same in the background; returns when it is ready
  stop NAME                stop it and remove its files
  status [NAME]            say which run, and on which ports; exit 1 if (any) NAME does not
  cli NAME COMMAND...      give Asterisk a console command, e.g.: cli pbx core show channels
  render FOLDER [KEY=VALUE...]  only write the configuration to FOLDER/etc (for a container or another machine)

keys (default):
  BIND (127.0.0.1)  ARI_PORT (8088)  AMI_PORT (5038)  SIP_PORT (5060)  TRUNK_HOST (127.0.0.1)  TRUNK_PORT (5080)
  PEER_HOST (127.0.0.1)  PEER_PORT (5062)     another such PBX, which is called by 8 and a number of its own
  RTP_START (21000)  RTP_END (22999)
  ARI_PASSWORD (ringbook-lab)  VIEWER_PASSWORD (viewer-lab), of AMI as well  PHONE_PASSWORD (phone-lab)
  FLAVOUR (plain)      or freepbx: the same numbers by a dialplan in the shape of FreePBX's and Issabel's
  RING_SECONDS (20)  MEMBER_SECONDS (10)  QUEUE_SECONDS (60)  WRAPUP_SECONDS (5)  PARK_SECONDS (45)

environment:
  RINGBOOK_ASTERISK_ROOT   the folder (/var/cache/ringbook/asterisk-root)
  RINGBOOK_ASTERISK_VERSION  what install puts there: 22 (from Debian testing; the default), 20 or 18 (from Ubuntu), 16 (from
                           Debian 11); give each a folder of its own
  RINGBOOK_DEBIAN_MIRROR   where install fetches from (http://deb.debian.org/debian)
  RINGBOOK_UBUNTU_MIRROR   and for 20 and 18 (http://archive.ubuntu.com/ubuntu)

"make pbx" is: asterisk.sh install && asterisk.sh run pbx
EOF
}

root=${RINGBOOK_ASTERISK_ROOT:-/var/cache/ringbook/asterisk-root}
version=${RINGBOOK_ASTERISK_VERSION:-22}
debian=${RINGBOOK_DEBIAN_MIRROR:-http://deb.debian.org/debian}
ubuntu=${RINGBOOK_UBUNTU_MIRROR:-http://archive.ubuntu.com/ubuntu}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
conf=$here/../asterisk
instances=/var/lib/ringbook # as seen inside the root

die() {
	echo "asterisk.sh: $*" >&2
	exit 1
}

# become_root runs this script again with sudo when it must write into the root folder or change into it.
become_root() {
	[ "$(id -u)" -eq 0 ] && return
	command -v sudo >/dev/null || die "needs root: there is no sudo here, so run it as root"
	exec sudo -- env RINGBOOK_ASTERISK_ROOT="$root" RINGBOOK_ASTERISK_VERSION="$version" RINGBOOK_DEBIAN_MIRROR="$debian" \
		RINGBOOK_UBUNTU_MIRROR="$ubuntu" "${BASH_SOURCE[0]}" "$@"
}

# installed says whether the root folder holds an Asterisk; the marker is written last.
installed() { [ -x "$root/usr/sbin/asterisk" ] && [ ! -e "$root/debootstrap" ]; }

# fix_names keeps Asterisk from asking a name server for its own host's name before every SDP: without a name server
# each question hangs for seconds. A.ROOT-SERVERS.NET is what PJSIP asks for to find its own address.
fix_names() {
	local want
	want="127.0.0.1 localhost $(hostname) A.ROOT-SERVERS.NET"
	[ "$(cat "$root/etc/hosts" 2>/dev/null)" = "$want" ] || echo "$want" >"$root/etc/hosts"
	[ ! -s "$root/etc/resolv.conf" ] || : >"$root/etc/resolv.conf"
}

install_packages() {
	local missing=()
	command -v debootstrap >/dev/null || missing+=(debootstrap)
	command -v sipp >/dev/null || missing+=(sip-tester)
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null || die "needs ${missing[*]}, and there is no apt-get here to install it with"
	echo "installing ${missing[*]} with apt"
	apt-get update -qq || echo "apt-get update failed; trying with the lists that are there" >&2
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
}

# ubuntu_keyring finds the keys with which Ubuntu signs, or fetches them: Debian 12 has no package of them. What is fetched
# is known by its checksum.
keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg
ubuntu_keyring() {
	[ ! -e "$keyring" ] || return 0
	command -v curl >/dev/null || die "needs $keyring, or curl to fetch it with"
	local folder=$root.keys
	mkdir -p "$folder"
	keyring=$folder$keyring
	[ -e "$keyring" ] || {
		curl -fsS -m 60 -o "$folder/keys.deb" "$ubuntu/pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb"
		echo "36de43b15853ccae0028e9a767613770c704833f82586f28eb262f0311adb8a8  $folder/keys.deb" | sha256sum -c --quiet
		dpkg-deb -x "$folder/keys.deb" "$folder"
	}
}

install_root() {
	mkdir -p "$(dirname "$root")"
	exec 8>"$(dirname "$root")/.$(basename "$root").lock"
	flock 8
	if installed; then
		fix_names
		echo "Asterisk is in $root"
		return
	fi
	local scripts=/usr/share/debootstrap/scripts script like suite mirror=$debian include=asterisk,ca-certificates how=()
	case $version in
	22) suite=forky like=sid ;; # Debian 12 and 13 know testing only by the names they had
	16) suite=bullseye like=sid include+=,asterisk-voicemail ;;
	18) suite=jammy like=gutsy mirror=$ubuntu ;;
	# debootstrap does not know that a package may provide another.
	20) suite=noble like=gutsy mirror=$ubuntu include+=,libperl5.38t64,libgpgme11t64 ;;
	*) die "RINGBOOK_ASTERISK_VERSION is 22, 20, 18 or 16, not \"$version\"" ;;
	esac
	script=$scripts/$suite
	[ -e "$script" ] || script=$scripts/$like
	[ -e "$script" ] || die "debootstrap has no script to make $suite with"
	if [ "$mirror" = "$ubuntu" ]; then
		ubuntu_keyring
		how=("--components=main,universe" --keyring="$keyring")
	elif [ -e /usr/share/keyrings/debian-archive-keyring.gpg ]; then
		how=(--keyring=/usr/share/keyrings/debian-archive-keyring.gpg)
	fi
	echo "making $root: $suite with Asterisk $version, about 500 MB and a minute"
	# A folder that an earlier, interrupted run left is not built upon.
	rm -rf --one-file-system "$root.new"
	if ! debootstrap --variant=minbase --include="$include" "${how[@]}" \
		"$suite" "$root.new" "$mirror" "$script" >"$root.log" 2>&1; then
		tail -n 20 "$root.log" >&2
		die "debootstrap failed; the whole log is $root.log"
	fi
	[ ! -e "$root" ] || mv "$root" "$root.old.$(date +%s)"
	mv "$root.new" "$root"
	rm -f "$root.log"
	fix_names
	echo "installed $(chroot "$root" /usr/sbin/asterisk -V) in $root"
}

# --- one instance ---------------------------------------------------------------------------------------------------

declare -A value=(
	[BIND]=127.0.0.1 [ARI_PORT]=8088 [AMI_PORT]=5038 [SIP_PORT]=5060 [TRUNK_HOST]=127.0.0.1 [TRUNK_PORT]=5080
	[PEER_HOST]=127.0.0.1 [PEER_PORT]=5062
	[RTP_START]=21000 [RTP_END]=22999
	[ARI_PASSWORD]=ringbook-lab [VIEWER_PASSWORD]=viewer-lab [PHONE_PASSWORD]=phone-lab
	[RING_SECONDS]=20 [MEMBER_SECONDS]=10 [QUEUE_SECONDS]=60 [WRAPUP_SECONDS]=5 [PARK_SECONDS]=45
	[FLAVOUR]=plain [UNTIL_EOF]=""
	[RECORDS]=no [RECORDS_PORT]=5432 [RECORDS_DATABASE]=asterisk
)

check_name() {
	[[ ${1:-} =~ ^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$ ]] ||
		die "a PBX needs a name of letters, digits, - and _; got \"${1:-}\""
}

read_values() {
	local arg key val
	for arg in "$@"; do
		key=${arg%%=*} val=${arg#*=}
		[[ $arg == *=* && -v value[$key] ]] || die "unknown setting \"$arg\"; see asterisk.sh help"
		[[ $val =~ ^[A-Za-z0-9._:-]*$ ]] || die "$key may only hold letters, digits and . _ : -"
		value[$key]=$val
	done
}

# check_passwords: whoever opens the PBX to a network brings passwords of his own.
check_passwords() {
	[[ ${value[BIND]} != 127.* ]] || return 0
	case ${value[ARI_PASSWORD]}/${value[PHONE_PASSWORD]} in
	ringbook-lab/* | */phone-lab | /* | */)
		die "BIND=${value[BIND]} can be reached by others: set ARI_PASSWORD and PHONE_PASSWORD"
		;;
	esac
	[ "${value[VIEWER_PASSWORD]}" != viewer-lab ] || value[VIEWER_PASSWORD]=$(head -c 18 /dev/urandom | base64 | tr '+/' '-_')
}

# render FOLDER INSIDE writes the configuration to FOLDER/etc and makes the folders that Asterisk expects, for an
# Asterisk that sees FOLDER as INSIDE.
render() {
	local to=$1 inside=$2 modules=${3:-} edit=() over=() key file
	check_passwords
	# A flavour's files take the place of those with the same names.
	case ${value[FLAVOUR]} in
	plain) value[PHONE_CONTEXT]=internal ;;
	freepbx) value[PHONE_CONTEXT]=from-internal over=("$conf"/freepbx/*.conf) ;;
	*) die "FLAVOUR is plain or freepbx, not \"${value[FLAVOUR]}\"" ;;
	esac
	value[DIR]=$inside
	value[MODULES]=${modules:-/usr/lib/$(uname -m)-linux-gnu/asterisk/modules}
	for key in "${!value[@]}"; do edit+=(-e "s|@$key@|${value[$key]}|g"); done
	mkdir -p "$to"/{etc/keys,db,run,log/cdr-csv} "$to"/spool/{recording,monitor,tmp,system,outgoing,voicemail}
	for file in "$conf"/*.conf "${over[@]}"; do sed "${edit[@]}" "$file" >"$to/etc/${file##*/}"; done
	if grep -n '@[A-Z_]*@' "$to"/etc/*.conf; then die "a setting of deploy/asterisk has no value"; fi
}

asterisk_command() { # NAME ARGUMENT...: Asterisk inside the root, as its own user
	local name=$1
	shift
	chroot --userspec=asterisk:asterisk "$root" /usr/sbin/asterisk -C "$instances/$name/etc/asterisk.conf" "$@"
}

cli() {
	local name=$1
	shift
	asterisk_command "$name" -rx "$*" 2>/dev/null
}

pid_of() { # NAME: the process id of a running instance, by its pid file, or nothing
	local pid
	pid=$(cat "$root$instances/$1/run/asterisk.pid" 2>/dev/null) || return 0
	[[ $pid =~ ^[0-9]+$ ]] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = asterisk ] && echo "$pid"
	return 0
}

# ready: ARI answers with our user, and PJSIP has its transport and its endpoints.
ready() {
	local name=$1 reply
	exec 7<>"/dev/tcp/${value[BIND]/0.0.0.0/127.0.0.1}/${value[ARI_PORT]}" || return 1
	printf 'GET /ari/asterisk/info?only=status HTTP/1.0\r\nAuthorization: Basic %s\r\n\r\n' \
		"$(printf 'ringbook:%s' "${value[ARI_PASSWORD]}" | base64)" >&7
	IFS= read -r -t 2 reply <&7 || reply=
	exec 7>&-
	[[ $reply == *" 200 "* ]] || return 1
	[[ $(cli "$name" core waitfullybooted) == *"fully booted"* ]] || return 1
	[[ $(cli "$name" pjsip show transports) == *":${value[SIP_PORT]}"* ]] || return 1
	[[ $(cli "$name" pjsip show identifies) == *trunk/trunk* ]]
}

# sweep removes the folders of instances that were killed the hard way, some time ago.
sweep() {
	local left
	find "$root$instances" -mindepth 1 -maxdepth 1 -type d -mmin +2 | while IFS= read -r left; do
		[ -n "$(pid_of "${left##*/}")" ] || rm -rf --one-file-system "$left"
	done
}

# prepare makes a fresh folder for an instance, with nothing of an earlier one in it.
prepare() {
	local name=$1 dir=$root$instances/$1
	installed || die "there is no Asterisk in $root: run deploy/lab/asterisk.sh install first"
	[ -z "$(pid_of "$name")" ] || die "a PBX called $name runs already (pid $(pid_of "$name"))"
	fix_names
	rm -rf --one-file-system "$dir"
	mkdir -p "$root$instances"
	sweep
	local folder modules=""
	for folder in "$root"/usr/lib/asterisk/modules "$root"/usr/lib/*/asterisk/modules; do
		[ ! -d "$folder" ] || modules=${folder#"$root"}
	done
	render "$dir" "$instances/$name" "$modules"
	chroot "$root" chown -R asterisk:asterisk "$instances/$name"
	{ for key in "${!value[@]}"; do printf '%s=%s\n' "$key" "${value[$key]}"; done; } >"$dir/settings"
}

# wait_ready NAME PID: returns when it is ready; fails if it dies or takes longer than a minute and a half.
wait_ready() {
	local name=$1 pid=$2 end=$((SECONDS + 90))
	local log=$root$instances/$name/log
	until ready "$name" 2>/dev/null; do
		if grep -sq 'Address already in use' "$log/messages" "$log/output"; then
			grep -hs 'Address already in use' "$log/messages" "$log/output" >&2
			echo "asterisk.sh: somebody has a port of ours: choose another ARI_PORT, AMI_PORT or SIP_PORT" >&2
			return 1
		fi
		if ! kill -0 "$pid" 2>/dev/null || [ $SECONDS -ge $end ]; then
			tail -n 40 "$log/messages" "$log/output" >&2 || true
			return 1
		fi
		sleep 0.1
	done
}

say_ready() {
	local name=$1 bind=${value[BIND]/0.0.0.0/127.0.0.1}
	cat <<EOF
ready $name
  ARI      http://ringbook:${value[ARI_PASSWORD]}@$bind:${value[ARI_PORT]}/ari
  AMI      tcp://ringbook:${value[ARI_PASSWORD]}@$bind:${value[AMI_PORT]}
  look     http://viewer:${value[VIEWER_PASSWORD]}@$bind:${value[ARI_PORT]}/ari  (read-only)
  phones   1001 to 1004, password ${value[PHONE_PASSWORD]}, SIP over UDP at $bind:${value[SIP_PORT]}
  a call   deploy/lab/call.sh --from 09120001001 --to 91001234 --phones answer SIP_PORT=${value[SIP_PORT]}
EOF
}

# What leave must end and remove; outside of run, because the trap at exit sees no variable of a function.
pid="" watcher="" dir=""

leave() {
	[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true
	[ -z "$watcher" ] || kill -KILL "$watcher" 2>/dev/null || true
	[ -z "$pid$watcher" ] || wait 2>/dev/null || true
	[ -z "$dir" ] || rm -rf --one-file-system "$dir"
}

run() {
	local name=$1 status=0
	shift
	check_name "$name"
	read_values "$@"
	prepare "$name"
	dir=$root$instances/$name
	# setpriv: should this script be killed the hard way, Asterisk goes with it. That of an older system may not work with
	# this kernel.
	local dies=(setpriv --pdeathsig TERM)
	chroot --userspec=asterisk:asterisk "$root" "${dies[@]}" true 2>/dev/null || dies=()
	chroot --userspec=asterisk:asterisk "$root" "${dies[@]}" \
		/usr/sbin/asterisk -f -C "$instances/$name/etc/asterisk.conf" >"$dir/log/output" 2>&1 </dev/null &
	pid=$!
	trap 'kill -TERM "$pid" 2>/dev/null || true' INT TERM HUP
	trap leave EXIT
	if ! wait_ready "$name" "$pid"; then die "Asterisk did not come up"; fi
	say_ready "$name"
	if [ -n "${value[UNTIL_EOF]}" ]; then
		exec 6<&0
		{
			while IFS= read -r -u 6 _; do :; done
			kill -TERM "$pid" 2>/dev/null || true
		} >/dev/null 2>&1 &
		watcher=$!
	fi
	while kill -0 "$pid" 2>/dev/null; do
		status=0
		wait "$pid" || status=$?
	done
	pid=""
	[ "$status" -eq 0 ] || [ "$status" -eq 143 ] || echo "asterisk.sh: Asterisk ended with status $status" >&2
}

start() {
	local name=$1 pid
	shift
	check_name "$name"
	read_values "$@"
	prepare "$name"
	local dir=$root$instances/$name
	setsid chroot --userspec=asterisk:asterisk "$root" \
		/usr/sbin/asterisk -f -C "$instances/$name/etc/asterisk.conf" >"$dir/log/output" 2>&1 </dev/null &
	pid=$!
	wait_ready "$name" "$pid" || {
		kill -KILL "$pid" 2>/dev/null || true
		rm -rf --one-file-system "$dir"
		die "Asterisk did not come up"
	}
	disown "$pid"
	say_ready "$name"
}

stop() {
	local name=$1 pid end=$((SECONDS + 10))
	check_name "$name"
	pid=$(pid_of "$name")
	if [ -n "$pid" ]; then
		kill -TERM "$pid"
		while kill -0 "$pid" 2>/dev/null && [ $SECONDS -lt $end ]; do sleep 0.05; done
		kill -KILL "$pid" 2>/dev/null || true
	fi
	rm -rf --one-file-system "${root:?}$instances/$name"
	echo "stopped $name"
}

status() {
	local dir name pid found=1
	for dir in "$root$instances"/${1:-*}/; do
		name=$(basename "$dir")
		pid=$(pid_of "$name")
		[ -n "$pid" ] || continue
		found=0
		echo "$name runs (pid $pid): $(grep -E '^(BIND|ARI_PORT|AMI_PORT|SIP_PORT|TRUNK_PORT)=' "$dir/settings" | sort | xargs)"
	done
	[ $found -eq 0 ] || echo "${1:-no PBX} does not run"
	return $found
}

command=${1:-help}
[ $# -eq 0 ] || shift
case $command in
install)
	become_root install
	install_packages
	install_root
	;;
run | start | stop | cli)
	[ $# -ge 1 ] || die "$command needs the name of a PBX"
	become_root "$command" "$@"
	"$command" "$@"
	;;
status)
	[ $# -eq 0 ] || check_name "$1"
	become_root status "$@"
	status "$@"
	;;
render)
	[ $# -ge 1 ] || die "render needs a folder"
	folder=$1
	shift
	read_values "$@"
	render "$folder" "$folder"
	;;
help | -h | --help) usage ;;
*)
	usage >&2
	exit 2
	;;
esac
