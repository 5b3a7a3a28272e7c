/* Scalar functions behind the laws: see special.c. */
#ifndef FASTINIT_SPECIAL_H
#define FASTINIT_SPECIAL_H

double special_sqrt2_over_pi(void);
double special_mills(double x);
double special_exp_minus_half_square(double x);

#endif
