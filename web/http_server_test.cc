#include "web/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
