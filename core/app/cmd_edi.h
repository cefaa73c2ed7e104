/* core/app/cmd_edi.h: `banyan edi ...`: check, json, text, ack, explain, split, fix. Needs no running appliance.
 */
#ifndef BANYAN_APP_CMD_EDI_H
#define BANYAN_APP_CMD_EDI_H

/* argv[0] is "edi". Returns the exit code of PRODUCT.md: 0 done, 1 found bad, 2 wrong usage, 3 could not be done. */
int cmd_edi(int argc, char **argv);

#endif
