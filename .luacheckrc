-- Scripts run inside Banyan's sandbox: Lua 5.4 without files, bytecode and collector, with reject().
std = "lua54"
max_line_length = 125
read_globals = {"reject"}
not_globals = {"os", "io", "debug", "package", "dofile", "loadfile", "collectgarbage", "warn"}
self = false
