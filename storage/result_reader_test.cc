#include "storage/result_reader.h"
