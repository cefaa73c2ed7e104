/* core/store/apply.c: see apply.h. */
#include "core/store/apply.h"

#include "core/base/memory.h"

#include <stdlib.h>

static apply_step *const appliers[STEP_KINDS] = {
    [STEP_ADD_MESSAGE] = apply_add_message,
    [STEP_SET_STATUS] = apply_set_status,
    [STEP_SET_DELIVERED] = apply_set_delivered,
    [STEP_SETTLE] = apply_settle_message,
    [STEP_SET_FACTS] = apply_set_facts,
    [STEP_ADD_DOCUMENT] = apply_add_document,
    [STEP_ADD_KEY] = apply_add_key,
    [STEP_ADD_EVENT] = apply_add_event,
    [STEP_CLAIM_KEY] = apply_claim_key,
    [STEP_RELEASE_KEY] = apply_release_key,
    [STEP_ADD_JOB] = apply_add_job,
    [STEP_FINISH_JOB] = apply_finish_job,
    [STEP_RETRY_JOB] = apply_retry_job,
    [STEP_BURY_JOB] = apply_bury_job,
    [STEP_HOLD_JOB] = apply_hold_job,
    [STEP_RELEASE_JOBS] = apply_release_jobs,
    [STEP_NOTE_JOB] = apply_note_job,
    [STEP_EXTEND_JOB] = apply_extend_job,
    [STEP_REVIVE_JOB] = apply_revive_job,
    [STEP_CLAIM_JOBS] = apply_claim_jobs,
    [STEP_DROP_JOBS] = apply_drop_jobs,
    [STEP_ACKNOWLEDGE] = apply_acknowledge,
    [STEP_SET_DUE] = apply_set_due,
    [STEP_LINK_ANSWER] = apply_link_answer,
    [STEP_PUT_OBJECT] = apply_put_object,
    [STEP_REMOVE_OBJECT] = apply_remove_object,
    [STEP_PUT_SECRET] = apply_put_secret,
    [STEP_RAISE_COUNTER] = apply_raise_counter,
    [STEP_PUT_ARTIFACT] = apply_put_artifact,
    [STEP_DROP_ARTIFACT] = apply_drop_artifact,
    [STEP_KEEP_ANSWER] = apply_keep_answer,
    [STEP_AUDIT] = apply_audit,
    [STEP_PURGE] = apply_purge,
};

error *apply_change(applier *a) {
    error *err = NULL;
    a->known_seq = 0;
    a->last_document = 0;
    for (const step *s = change_next_step(a->change, NULL); s && !err; s = change_next_step(a->change, s))
        err = appliers[s->kind](a, s);
    return err;
}

static news_entry *next_news(applier *a) {
    if (a->news_count == a->news_room) {
        a->news_room = a->news_room ? a->news_room * 2 : 64;
        a->news = xreallocarray(a->news, a->news_room, sizeof *a->news);
    }
    return &a->news[a->news_count++];
}

void apply_news(applier *a, const char *kind, const unsigned char *uuid, const char *status) {
    if (!a->s->options.committed) return;
    news_entry *entry = next_news(a);
    *entry = (news_entry){.kind = kind, .status = status};
    id_format(uuid, entry->id);
}

void apply_object_news(applier *a, const char *kind, const char *name, const char *status) {
    if (!a->s->options.committed) return;
    *next_news(a) = (news_entry){.kind = "config", .status = status, .object_kind = kind, .object_name = name};
}

/* ---- the search index ---------------------------------------------------------------------------------------------
 */

static const char ADD_WORDS[] = "insert into search (rowid, words) values (?1, ?2)";
static const char DROP_WORDS[] = "insert into search (search, rowid, words) values ('delete', ?1, ?2)";

/* `words` lives as long as the change; or else is NULL and `take_owned` is freed after the batch. */
void apply_queue_words(applier *a, int64_t seq, int64_t slot, const char *words, char *take_owned, bool drop) {
    if (a->words_count == a->words_room) {
        a->words_room = a->words_room ? a->words_room * 2 : 64;
        a->words = xreallocarray(a->words, a->words_room, sizeof *a->words);
    }
    words_entry *entry = &a->words[a->words_count++];
    *entry = (words_entry){.rowid = seq * SEARCH_SLOTS + slot, .words = words, .drop = drop};
    if (!take_owned) return;
    entry->words = take_owned;
    entry->owned = take_owned;
}

error *apply_words(applier *a) {
    error *err = NULL;
    for (size_t i = 0; i < a->words_count && !err; i++) {
        const words_entry *entry = &a->words[i];
        sqlite3_stmt *statement = database_statement(a->db, entry->drop ? DROP_WORDS : ADD_WORDS, &err);
        if (err) break;
        bind_integer(statement, 1, entry->rowid);
        bind_text(statement, 2, entry->words);
        err = database_run(a->db, statement, "index the words of a message");
    }
    return err;
}

applier_mark apply_mark(const applier *a) {
    return (applier_mark){.counts = a->counts, .news_count = a->news_count, .words_count = a->words_count};
}

void apply_return_to(applier *a, const applier_mark *mark) {
    a->counts = mark->counts;
    a->news_count = mark->news_count;
    while (a->words_count > mark->words_count)
        free(a->words[--a->words_count].owned);
}
