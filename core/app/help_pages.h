/* core/app/help_pages.h: `banyan help TOPIC`: the pages of core/app/help. */
#ifndef BANYAN_CORE_APP_HELP_PAGES_H
#define BANYAN_CORE_APP_HELP_PAGES_H

#include <stdbool.h>
#include <stdio.h>

/* False when there is no such page. */
bool help_page(const char *topic, FILE *out);

#endif
