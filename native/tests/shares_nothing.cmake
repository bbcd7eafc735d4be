# A function that several files compile is linked once, whichever copy comes first. So the file of an
# instruction set may define none outside of its own namespace: another machine would get to run it.
foreach(object IN LISTS OBJECTS)
  if(NOT object MATCHES "/isa_([a-z0-9_]+)\\.cpp" OR CMAKE_MATCH_1 STREQUAL "portable")
    continue()
  endif()
  set(name ${CMAKE_MATCH_1})
  execute_process(COMMAND ${NM} --demangle --defined-only ${object}
                  OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]* [WVu] [^\n]*" shared "${symbols}")
  foreach(symbol IN LISTS shared)
    if(NOT symbol MATCHES "squeezebert::${name}::")
      message(SEND_ERROR "isa_${name}.cpp defines for all: ${symbol}")
    endif()
  endforeach()
endforeach()
