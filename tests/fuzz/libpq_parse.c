/*
 * Reads connection strings from one file, one a line, in hex; writes to another file what
 * PQconninfoParse makes of each: "E" for an error, else "keyword=value" pairs with the values in hex.
 * The first line is the library's version and the keywords that it knows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libpq-fe.h>

static char line[1 << 20];

int main(int argc, char **argv)
{
    PQconninfoOption *known = PQconndefaults();

    if (argc != 3 || !freopen(argv[1], "r", stdin) || !freopen(argv[2], "w", stdout))
        return 1;
    printf("%d", PQlibVersion());
    for (PQconninfoOption *o = known; o != NULL && o->keyword != NULL; o++)
        printf(" %s", o->keyword);
    printf("\n");
    PQconninfoFree(known);
    while (fgets(line, sizeof(line), stdin) != NULL)
    {
        size_t length = strcspn(line, "\n") / 2;
        char *text = malloc(length + 1);
        char *error = NULL;
        PQconninfoOption *options;
        unsigned byte;

        for (size_t i = 0; i < length; i++)
        {
            sscanf(line + 2 * i, "%2x", &byte);
            text[i] = (char) byte;
        }
        text[length] = '\0';
        options = PQconninfoParse(text, &error);
        if (options == NULL)
            printf("E");
        for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
        {
            if (o->val == NULL)
                continue;
            printf("%s=", o->keyword);
            for (const char *p = o->val; *p; p++)
                printf("%02x", (unsigned char) *p);
            printf(" ");
        }
        printf("\n");
        if (error != NULL)
            PQfreemem(error);
        PQconninfoFree(options);
        free(text);
    }
    return 0;
}
