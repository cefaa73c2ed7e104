#!/bin/sh
# pkg/build/install.sh PROGRAM MANUAL DESTDIR PREFIX: what `make install` does.
set -eu

program=$1 manual=$2 root=$3$4
# Units are read from /lib for a package and from /etc for what an administrator installs.
case $4 in
/usr) units=$3/lib/systemd/system ;;
*) units=$3/etc/systemd/system ;;
esac

install -d "$root/bin" "$root/share/man/man1" "$root/share/bash-completion/completions" \
    "$root/share/zsh/site-functions" "$root/share/fish/vendor_completions.d" "$units"
install -m 755 -s "$program" "$root/bin/banyan"
install -m 644 "$manual" "$root/share/man/man1/banyan.1"
"$program" manual "$root/share/man/man1" # a page for each command
chmod 644 "$root"/share/man/man1/banyan-*.1
"$program" completion bash >"$root/share/bash-completion/completions/banyan"
"$program" completion zsh >"$root/share/zsh/site-functions/_banyan"
"$program" completion fish >"$root/share/fish/vendor_completions.d/banyan.fish"
# Whatever the umask of who installs.
chmod 644 "$root/share/bash-completion/completions/banyan" "$root/share/zsh/site-functions/_banyan" \
    "$root/share/fish/vendor_completions.d/banyan.fish"
sed "s|@PREFIX@|$4|" pkg/systemd/banyan.service >"$units/banyan.service"
chmod 644 "$units/banyan.service"
