/* core/store/words.c: a person's words on their way to the search index (find.h). */
#include "core/store/find.h"

#include <stdlib.h>

enum { RARE = 2000 };

static bool has_token(span word) {
    for (size_t i = 0; i < word.len; i++) {
        unsigned char c = (unsigned char)word.data[i];
        if (c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) return true;
    }
    return false;
}

static void add_quoted(buf *expression, span word) {
    if (expression->len) buf_add_text(expression, " AND ");
    buf_add_char(expression, '"');
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] == '"') buf_add_char(expression, '"');
        buf_add_char(expression, word.data[i]);
    }
    buf_add_text(expression, "\"*");
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

find_words find_words_of(const char *text) {
    find_words words = {.count = 0};
    buf expressions[FIND_WORDS];
    for (size_t i = 0; i < FIND_WORDS; i++)
        expressions[i] = BUF_MAX(8192);
    for (const char *at = text; *at;) {
        const char *begin = at;
        while (*at && !is_blank(*at))
            at++;
        span word = span_make(begin, (size_t)(at - begin));
        if (*at) at++;
        if (!has_token(word) || word.len > 1024) continue;
        size_t slot = words.count < FIND_WORDS ? words.count++ : FIND_WORDS - 1;
        if (expressions[slot].len < 4096) add_quoted(&expressions[slot], word);
    }
    for (size_t i = 0; i < FIND_WORDS; i++) {
        if (i < words.count) words.expression[i] = buf_take(&expressions[i], NULL);
        buf_free(&expressions[i]);
    }
    return words;
}

void find_words_free(find_words *words) {
    for (size_t i = 0; i < words->count; i++)
        free(words->expression[i]);
}

static const char COUNT_WORD[] = "select count(*) from (select 1 from search where search match ?1 limit ?2)";

/* How many texts have the word, as far as it matters. */
static error *count_word(database *db, const char *expression, int64_t *count) {
    error *err = NULL;
    sqlite3_stmt *row = database_statement(db, COUNT_WORD, &err);
    if (err) return err;
    bind_text(row, 1, expression);
    bind_integer(row, 2, RARE + 1);
    if (database_next(db, row, "count a word", &err)) *count = column_integer(row, 0);
    database_reset(row);
    return err;
}

/* Does it end in what looks like the ending of a file name? `expression` is `"word"*`. */
static bool is_whole_name(span expression) {
    size_t letters = 0, at = expression.len < 2 ? 0 : expression.len - 2;
    for (; at > 1 && ((expression.data[at - 1] | 32) >= 'a' && (expression.data[at - 1] | 32) <= 'z'); at--)
        letters++;
    return letters >= 2 && letters <= 5 && at > 2 && expression.data[at - 1] == '.' &&
           !memchr(expression.data, ' ', expression.len);
}

/* Counts the texts that have the word; it may become an exact one. */
static error *count_or_narrow(database *db, char *word, int64_t *count) {
    size_t len = strlen(word);
    if (!is_whole_name(span_make(word, len))) return count_word(db, word, count);
    word[len - 1] = '\0';
    error *err = count_word(db, word, count);
    if (err || *count > 0) return err;
    word[len - 1] = '*';
    return count_word(db, word, count);
}

error *find_words_sort(database *db, find_words *words, bool *rare) {
    int64_t fewest = INT64_MAX, count = 0;
    for (size_t i = 0; i < words->count; i++) {
        char *word = words->expression[i];
        error *err = count_or_narrow(db, word, &count);
        if (err) return err;
        if (count >= fewest) continue;
        fewest = count;
        words->expression[i] = words->expression[0];
        words->expression[0] = word;
    }
    *rare = fewest <= RARE;
    return NULL;
}
