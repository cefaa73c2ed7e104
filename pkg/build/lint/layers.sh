#!/bin/sh
# Who includes whom: a room only ever reaches down, and some libraries have one home (ARCHITECTURE.md, "Rooms").
set -eu

# shellcheck disable=SC2016 # an awk program
find core adapters edi \( -name '*.c' -o -name '*.h' \) -print0 2>/dev/null | xargs -0 awk '
    # Each room and the rooms it may include besides itself; "." stands for headers of its own folder.
    BEGIN {
        split("base edi http crypto store script adapters worker flow facade admin app", rooms)
        allowed["base"] = ""
        allowed["edi"] = "base"
        allowed["http"] = "base"
        allowed["crypto"] = "base"
        allowed["store"] = "base"
        allowed["script"] = "base edi crypto store http"
        allowed["adapters"] = "base crypto http"
        allowed["worker"] = "base edi crypto store http script adapters"
        allowed["flow"] = allowed["worker"] " worker"
        allowed["facade"] = allowed["flow"] " flow"
        allowed["admin"] = allowed["flow"] " flow"
        allowed["app"] = allowed["facade"] " facade admin"
        # A library and the rooms that know it.
        home["sqlite3.h"] = "store"
        home["microhttpd.h"] = "http"
        home["curl/"] = "http"
        home["openssl/"] = "crypto"
        home["lua.h"] = home["lauxlib.h"] = home["lualib.h"] = "script"
        home["libssh2"] = "adapters"
        home["yaml.h"] = "app"
        home["libxml/"] = "script"
        home["seccomp.h"] = "worker"
    }
    function room(path,   part) {
        split(path, part, "/")
        return part[1] == "core" ? part[2] : part[1]
    }
    # The folder of one adapter ("adapters/sftp"), "" for what all adapters share.
    function kind(path,   part) {
        return split(path, part, "/") == 3 && part[1] == "adapters" ? part[2] : ""
    }
    function complain(why) {
        print FILENAME ":" FNR ": " why
        bad = 1
    }
    /^[ \t]*#[ \t]*include[ \t]*</ {
        name = $0
        sub(/^[^<]*</, "", name)
        sub(/>.*/, "", name)
        for (library in home)
            if (index(name, library) == 1 && room(FILENAME) != home[library])
                complain("only " home[library] " may include <" name ">")
    }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        name = $0
        sub(/^[^"]*"/, "", name)
        sub(/".*/, "", name)
        from = room(FILENAME)
        to = room(name)
        if (name !~ /\//) next  # made by the build, such as migrations.inc
        if (from == to && from != "adapters") next
        if (from == "adapters") {
            # Adapters see the interface, the HTTP, FTP and mail clients, crypto and base; never each other. The registry sees all.
            if (FILENAME == "adapters/registry.c" || to == "base" || to == "crypto" || name ~ /^core\/http\/(ftp_|mail_)?client\.h$/) next
            if (to == "adapters" && (kind(name) == "" || kind(name) == kind(FILENAME))) next
            complain("an adapter may not include \"" name "\"")
            next
        }
        if (index(" " allowed[from] " ", " " to " ") == 0)
            complain("core/" from " may not include \"" name "\"")
    }
    END { exit bad }'
