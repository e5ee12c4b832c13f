/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doubly linked circular lists whose links are embedded in the objects. No locking here.
 */
#ifndef LIB_LIST_H
#define LIB_LIST_H

struct list {
    struct list *next, *prev;
};

#define LIST_INIT(name)  \
    {                    \
        &(name), &(name) \
    }

static inline void list_init(struct list *l) { l->next = l->prev = l; }

static inline bool list_empty(const struct list *l) { return l->next == l; }

static inline void list_add_between(struct list *n, struct list *prev, struct list *next)
{
    n->next = next;
    n->prev = prev;
    prev->next = n;
    next->prev = n;
}

/* Puts n behind the head (first). */
static inline void list_add(struct list *n, struct list *head) { list_add_between(n, head, head->next); }

/* Puts n before the head (last); given an element instead of the head: before that element. */
static inline void list_add_tail(struct list *n, struct list *head) { list_add_between(n, head->prev, head); }

/* Takes n out and leaves it as an empty list, so that list_empty(n) tells "on no list". */
static inline void list_del(struct list *n)
{
    n->next->prev = n->prev;
    n->prev->next = n->next;
    list_init(n);
}

#define list_entry(p, type, member)    container_of(p, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)

#define list_for_each(pos, head, member)                                                   \
    for (pos = list_entry((head)->next, __typeof__(*pos), member); &pos->member != (head); \
         pos = list_entry(pos->member.next, __typeof__(*pos), member))

#define list_for_each_safe(pos, tmp, head, member)                    \
    for (pos = list_entry((head)->next, __typeof__(*pos), member),    \
        tmp = list_entry(pos->member.next, __typeof__(*pos), member); \
         &pos->member != (head); pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))

#endif
