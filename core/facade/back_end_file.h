/* core/facade/back_end_file.h: files and SFTP as back-ends: GET, HEAD and DELETE of one path, by the connection's
 * courier.
 *
 * What fits comes in the courier's reply. A larger file, where the caller can send one (`may_be_file`), is read again
 * into a file without a name on the disk of the data, and answered from there with the tag that it would have in
 * memory: the memory of an answer stays bounded whatever lies at the back-end.
 */
#ifndef BANYAN_CORE_FACADE_BACK_END_FILE_H
#define BANYAN_CORE_FACADE_BACK_END_FILE_H

#include "core/facade/back_end.h"

void back_end_file_call(
    const exchange_services *services, const back_end_request *request, back_end_done *done, void *context);

#endif
