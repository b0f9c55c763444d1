# cmake -DSOURCE=... -DOUTPUT=... -P write_build_commit.cmake
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
                OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed OR commit STREQUAL "")
  set(commit unknown)
endif()
set(content "#include \"base/build_info.h\"\n\nnamespace reluscape {\n\nconst char* BuildCommit() { return \"${commit}\"; }\n\n}  // namespace reluscape\n")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} old)
endif()
if(NOT "${content}" STREQUAL "${old}")
  file(WRITE ${OUTPUT} "${content}")
endif()
