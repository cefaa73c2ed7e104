/* core/flow/estate_settings.h: the nested tables that estate.c reads values with; the kinds' own tables are in
 * estate.h. */
#ifndef BANYAN_CORE_FLOW_ESTATE_SETTINGS_H
#define BANYAN_CORE_FLOW_ESTATE_SETTINGS_H

#include "core/flow/estate.h"

extern const setting estate_destination_settings[], estate_expect_settings[], estate_retry_settings[];
extern const setting estate_endpoint_settings[];
const setting *estate_acknowledge_settings(void);

#endif
