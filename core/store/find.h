/* core/store/find.h: what the reading side of the store shares: pages, words, and the JSON of documents. */
#ifndef BANYAN_CORE_STORE_FIND_H
#define BANYAN_CORE_STORE_FIND_H

#include "core/store/inside.h"

enum { FIND_WORDS = 8, PAGE_MAX = 1000, DOCUMENTS_SHOWN = 1000, DOCUMENTS_LISTED = 20 };

/* The person's words as up to FIND_WORDS full-text expressions, owned; the last takes all that are left. A word is
 * quoted, so that nothing in it is syntax, and matches as a beginning. */
typedef struct find_words {
    char *expression[FIND_WORDS];
    size_t count;
} find_words;

find_words find_words_of(const char *text);
void find_words_free(find_words *words);
/* A whole file name ("orders-17.edi") is taken as it stands where there is one: as a beginning its last word would cost
 * every text that has it. Puts the rarest word first, since a search goes from there; tells whether it is rare at all.
 */
must_check error *find_words_sort(database *db, find_words *words, bool *rare);

/* The limit of a page within 1..PAGE_MAX. */
int find_limit(int limit);

/* {"items": items, "next": next}; takes `items`; next NULL or "" is left out. With an error: frees and passes it on. */
error *find_page(json_t *take_items, const char *next, error *err, json_t **out);

/* ERROR_NOT_FOUND for an unknown id, also for one that is none. `sql` selects one number by ?1. */
must_check error *find_seq(database *db, const char *sql, const char *what, const char *id, int64_t *seq);

/* The columns that find_document_json reads, of documents d; more may follow from DOCUMENT_COLUMNS_END on. */
#define DOCUMENT_COLUMNS                                                                                               \
    "d.seq, d.id, d.position, d.standard, d.type, d.version, d.control, d.group_control, d.interchange_control, "      \
    "d.sender, d.receiver, d.asked, d.answer, d.due_at, d.answered_by, d.answered_at, d.answer_text"
enum { DOCUMENT_COLUMNS_END = 17 };

/* "due", "overdue", "accepted", "rejected"; NULL when nothing was asked. */
const char *find_answer_name(sqlite3_stmt *row, int answer_at, int due_at);
must_check error *find_document_json(database *db, sqlite3_stmt *row, json_t **out);

/* The filter's members as parameters ?2..?11, see FILTERS in find.c; `after` is the caller's. */
must_check error *find_bind_filter(database *db, sqlite3_stmt *statement, const message_filter *filter);

#endif
