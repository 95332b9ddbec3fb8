/*
 * A PostgreSQL 18 OAuth validator for tests: "good-<role>" is that role's token, anything else is
 * refused. The server's headers are not needed; what it expects is declared here
 * (src/include/fmgr.h, src/include/libpq/oauth.h).
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct
{
	int			len;
	int			version;
	int			funcmaxargs;
	int			indexmaxkeys;
	int			namedatalen;
	int			float8byval;
	char		abi_extra[32];
	const char *name;
	const char *module_version;
} Magic;

typedef struct
{
	bool		authorized;
	char	   *authn_id;
} Result;

typedef struct
{
	uint32_t	magic;
	void		(*startup) (void *state);
	void		(*shutdown) (void *state);
	bool		(*validate) (const void *state, const char *token, const char *role, Result *result);
} Callbacks;

extern char *pstrdup(const char *text);

static const Magic magic = {sizeof(Magic), 1800, 100, 32, 64, true, "PostgreSQL", 0, 0};

const void *
Pg_magic_func(void)
{
	return &magic;
}

static bool
validate(const void *state, const char *token, const char *role, Result *result)
{
	(void) state;
	result->authorized = strncmp(token, "good-", 5) == 0;
	result->authn_id = result->authorized ? pstrdup(token + 5) : 0;
	(void) role;
	return true;
}

static const Callbacks callbacks = {0x20250220, 0, 0, validate};

const void *
_PG_oauth_validator_module_init(void)
{
	return &callbacks;
}
