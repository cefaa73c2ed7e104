/* core/app/cmd_schema.h: `banyan schema list|show`: the EDI definitions known. Needs no running appliance.
 */
#ifndef BANYAN_APP_CMD_SCHEMA_H
#define BANYAN_APP_CMD_SCHEMA_H

/* argv[0] is "schema". Exit codes as cmd_edi. */
int cmd_schema(int argc, char **argv);

#endif
