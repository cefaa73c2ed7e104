/* core/app/main.c: where `banyan` begins. Everything else lies in the library, so that tests reach it. */
#include "core/app/commands.h"

int main(int argc, char **argv) {
    return commands_main(argc, argv);
}
