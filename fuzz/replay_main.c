/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Runs inputs through a target without libFuzzer: with gcc, on arm64, under
 * valgrind, and for coverage.  Arguments are files or folders of files; finding
 * no input at all is a failure.
 */
#include <dirent.h>
#include <errno.h>

#include "fuzz.h"

static unsigned inputs;

static _Noreturn void
fail(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	exit(1);
}

/*
 * The block is exactly as long as the input, so that a sanitizer sees a read
 * beyond it.
 */
static void
replay_file(const char *path, FILE *file)
{
	uint8_t *bytes;
	long length;

	if (fseek(file, 0, SEEK_END) != 0 || (length = ftell(file)) < 0 ||
	    fseek(file, 0, SEEK_SET) != 0)
		fail(path);
	bytes = malloc((size_t)length);
	if ((bytes == NULL && length != 0) ||
	    fread(bytes, 1, (size_t)length, file) != (size_t)length)
		fail(path);
	LLVMFuzzerTestOneInput(bytes, (size_t)length);
	free(bytes);
	inputs++;
}

static void
replay(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;
	FILE *file;

	if (folder != NULL) {
		while ((entry = readdir(folder)) != NULL) {
			char inside[4096];

			if (entry->d_name[0] == '.')
				continue;
			snprintf(inside, sizeof(inside), "%s/%s", path,
			    entry->d_name);
			replay(inside);
		}
		closedir(folder);
		return;
	}
	file = fopen(path, "rb");
	if (file == NULL)
		fail(path);
	/* Print the name first, so that it is known after a crash. */
	printf("%s\n", path);
	fflush(stdout);
	replay_file(path, file);
	fclose(file);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	printf("%u inputs\n", inputs);
	return inputs != 0 ? 0 : 1;
}
